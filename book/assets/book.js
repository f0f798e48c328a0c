/* What the theme leaves undone: for readers who use a keyboard or a screen reader, for paper, for a book opened from a folder. */

/* A page shows the code that a learner reads. A switch, kept for all pages, shows the rest: cells tagged `hidden`, and folds. */
const showsAllCode = () => document.documentElement.dataset.code === "all";
try {
  document.documentElement.dataset.code = localStorage.getItem("code") ?? "";
} catch {
  // A browser that keeps nothing: the switch holds for this page.
}

function addCodeSwitch() {
  const folds = [...document.querySelectorAll("article details.hide")];
  const place = document.querySelector(".article-header-buttons");
  if (!place || !(folds.length || document.querySelector("article .cell:is(.tag_hidden, .tag_hidden-input)"))) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm pst-navbar-icon code-switch";
  button.innerHTML = '<i class="fa-solid fa-code" aria-hidden="true"></i><span>Show all code</span>';
  const show = () => {
    button.setAttribute("aria-pressed", showsAllCode());
    for (const fold of folds) fold.open = showsAllCode();
  };
  button.addEventListener("click", () => {
    // What is read stays where it is, though cells appear above it.
    const before = button.ownerDocument.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("article *");
    const top = before?.getBoundingClientRect().top;
    document.documentElement.dataset.code = showsAllCode() ? "" : "all";
    show();
    if (before) scrollBy({ top: before.getBoundingClientRect().top - top, behavior: "instant" });
    try {
      localStorage.setItem("code", document.documentElement.dataset.code);
    } catch {
      // as above
    }
  });
  place.prepend(button);
  show();
}

addEventListener("DOMContentLoaded", () => {
  // The name that a screen reader says must contain the words that are seen: let the words be the name.
  for (const element of document.querySelectorAll(".search-button-field, .theme-switch-button, summary")) {
    element.removeAttribute("aria-label");
  }
  // An arrow of the sidebar has no words.
  for (const arrow of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const chapter = arrow.closest("li")?.querySelector("a")?.textContent.trim() ?? "";
    arrow.setAttribute("aria-label", `Further pages of ${chapter}`);
  }

  // The sidebar holds the title, the search and the chapters, and is no landmark by itself.
  const sidebar = document.getElementById("pst-primary-sidebar");
  sidebar?.setAttribute("role", "navigation");
  sidebar?.setAttribute("aria-label", "Book");

  // docutils gives references a role that is deprecated; they stand in a list.
  for (const reference of document.querySelectorAll(".citation")) reference.setAttribute("role", "listitem");

  // What scrolls must be reachable by Tab, and what does not scroll must not be. A shade says on which side there is more.
  const scrollers = document.querySelectorAll(".pst-scrollable-table-container, .katex-display, article pre, article .picture");
  const mark = (element) => {
    const hidden = element.scrollWidth - element.clientWidth;
    if (hidden > 1) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
    element.classList.toggle("more-left", element.scrollLeft > 1);
    element.classList.toggle("more-right", element.scrollLeft < hidden - 1);
  };
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target)));
  const watch = (element) => {
    observer.observe(element);
    element.addEventListener("scroll", () => mark(element), { passive: true });
  };
  scrollers.forEach(watch);
  document.addEventListener("widget", ({ target }) => target.querySelectorAll(".picture").forEach(watch));
  document.fonts.ready.then(() => scrollers.forEach(mark));

  // A hundred buttons that copy and links of headings to themselves would stand in the way of whoever goes on by Tab.
  for (const aside of document.querySelectorAll(".copybtn, .headerlink")) aside.tabIndex = -1;

  // Paper is white, and nothing unfolds on it. This has to be done before the browser counts the pages.
  const system = matchMedia("(prefers-color-scheme: dark)");
  let opened = [];
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    opened = [...document.querySelectorAll("article details:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    const { dataset } = document.documentElement;
    dataset.theme = dataset.mode === "auto" ? (system.matches ? "dark" : "light") : dataset.mode;
    for (const fold of opened) fold.open = false;
  });

  addCodeSwitch();
});
