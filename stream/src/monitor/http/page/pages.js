// The pages of the dashboard: one is shown, the address says which.

const PAGES = ["answers", "engine"];

/** Shows the page that the address names, and tells `listener` which it is. */
export function followAddress(listener) {
  const show = () => {
    const named = location.hash.slice(1);
    const page = PAGES.includes(named) ? named : PAGES[0];
    for (const known of PAGES) {
      document.getElementById(`page-${known}`).hidden = known !== page;
      const link = document.querySelector(`a[href="#${known}"]`);
      if (known === page) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.documentElement.dataset.page = page;
    listener(page);
  };
  addEventListener("hashchange", show);
  show();
}
