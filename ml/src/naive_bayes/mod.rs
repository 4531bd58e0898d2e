//! Naive Bayes: classes by the product of what each attribute says.
