// Test, then train with a learner of MOA, as our job `prequential` does it, and the same line of JSON.
// usage: java -cp moa.jar:. Peer FILE LEARNER SECONDS
// FILE is OMLB (.bin), or CSV of numbers with the class as the last column; LEARNER is a class of moa.classifiers with its
// options. Whole passes over the rows with new learners warm the JIT up for SECONDS, at most three of them; the pass after
// them is measured. The rows are all in memory before.
import com.yahoo.labs.samoa.instances.*;
import java.nio.*;
import java.nio.file.*;
import java.util.*;
import moa.classifiers.Classifier;
import moa.options.ClassOption;

public class Peer {
    public static void main(String[] args) throws Exception {
        Instance[] rows = args[0].endsWith(".csv") ? csv(Path.of(args[0])) : omlb(Path.of(args[0]));
        long warm = (long) (Double.parseDouble(args[2]) * 1e9);
        long begin = System.nanoTime();
        for (int pass = 0; pass < 3 && System.nanoTime() - begin < warm; pass++) {
            run(args[1], rows);
        }
        System.out.println(run(args[1], rows));
    }

    static String run(String name, Instance[] rows) throws Exception {
        Classifier[] learner = {(Classifier) ClassOption.cliStringToObject(name, Classifier.class, null)};
        learner[0].prepareForUse();
        learner[0].setModelContext(new InstancesHeader(rows[0].dataset()));
        int classes = rows[0].numClasses();
        long[][] confusion = new long[classes][classes];
        long started = System.nanoTime();
        pass(learner[0], rows, confusion);
        double seconds = (System.nanoTime() - started) / 1e9;
        // The heap with the learner and without it.
        long memory = used();
        learner[0] = null;
        memory -= used();
        double n = rows.length, hits = 0, chance = 0;
        for (int c = 0; c < classes; c++) {
            double actual = 0, predicted = 0;
            for (int d = 0; d < classes; d++) {
                actual += confusion[c][d];
                predicted += confusion[d][c];
            }
            hits += confusion[c][c] / n;
            chance += actual / n * (predicted / n);
        }
        return String.format(Locale.ROOT,
            "{\"rows\":%d,\"accuracy\":%.6f,\"kappa\":%.6f,\"rows_per_s\":%.1f,\"memory_bytes\":%d,\"seconds\":%.6f}",
            rows.length, hits, (hits - chance) / (1 - chance), n / seconds, memory, seconds);
    }

    static void pass(Classifier learner, Instance[] rows, long[][] confusion) {
        for (Instance row : rows) {
            double[] votes = learner.getVotesForInstance(row);
            int best = 0;
            for (int c = 1; c < votes.length && c < confusion.length; c++) {
                if (votes[c] > votes[best]) best = c;
            }
            confusion[(int) row.classValue()][best]++;
            learner.trainOnInstance(row);
        }
    }

    static long used() {
        for (int i = 0; i < 3; i++) System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    static Instance[] omlb(Path path) throws Exception {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[4];
        in.get(magic);
        if (!new String(magic).equals("OMLB") || in.getInt() != 1) throw new IllegalArgumentException(path + " is not OMLB");
        int attributes = in.getInt(), classes = in.getInt(), n = (int) in.getLong();
        int[] categories = new int[attributes];
        for (int a = 0; a < attributes; a++) categories[a] = in.getInt();
        double[][] values = new double[n][attributes + 1];
        for (double[] row : values) {
            for (int a = 0; a <= attributes; a++) row[a] = in.getDouble();
        }
        return instances(values, categories, classes);
    }

    static Instance[] csv(Path path) throws Exception {
        List<String> lines = Files.readAllLines(path);
        boolean header = !lines.get(0).substring(lines.get(0).lastIndexOf(',') + 1).matches("[-+.0-9eE]+");
        double[][] values = lines.stream().skip(header ? 1 : 0).filter(line -> !line.isBlank())
            .map(line -> Arrays.stream(line.split(",")).mapToDouble(Double::parseDouble).toArray()).toArray(double[][]::new);
        int attributes = values[0].length - 1;
        double[] labels = Arrays.stream(values).mapToDouble(row -> row[attributes]).distinct().sorted().toArray();
        for (double[] row : values) row[attributes] = Arrays.binarySearch(labels, row[attributes]);
        return instances(values, new int[attributes], labels.length);
    }

    static Instance[] instances(double[][] values, int[] categories, int classes) {
        List<Attribute> attributes = new ArrayList<>();
        for (int a = 0; a < categories.length; a++) {
            attributes.add(categories[a] == 0 ? new Attribute("a" + a) : new Attribute("a" + a, names(categories[a])));
        }
        attributes.add(new Attribute("class", names(classes)));
        Instances all = new Instances("rows", attributes, 0);
        all.setClassIndex(categories.length);
        InstancesHeader header = new InstancesHeader(all);
        Instance[] rows = new Instance[values.length];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new DenseInstance(1.0, values[i]);
            rows[i].setDataset(header);
        }
        return rows;
    }

    static List<String> names(int n) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < n; i++) names.add("v" + i);
        return names;
    }
}
