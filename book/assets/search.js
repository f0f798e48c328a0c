/* Search over sections. On the page of results it ranks the entries of sections.js, which section_search.py has written; on the
   page that a result leads to, it marks the words and lands on the first. It reads no file, so it works from a folder too. */
(() => {
  "use strict";

  const STOP = new Set("a an and are as at be by can do does for from how i in is it its my of on or that the this to was what when where which who why with".split(" "));

  /* Words of a text without the endings that differ between a question and a sentence: "clipped gradients" is "clip gradient". */
  function stem(word) {
    word = word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const cut = word.replace(/ies$/, "y").replace(/(?<![su])s$/, "");
    const bare = cut.replace(/(?<=\p{L}{3})(ing|ed|e)$/u, "");
    return bare.replace(/([^aeiouls])\1$/, "$1");
  }
  const WORD = /[\p{L}\p{N}]+/gu;
  const stems = (text) => (text.match(WORD) ?? []).map(stem);
  const asked = (query) => {
    const all = query.match(WORD) ?? [];
    const telling = all.filter((word) => !STOP.has(word.toLowerCase()));
    return [...new Set((telling.length ? telling : all).map(stem))];
  };

  const count = (list, term) => list.reduce((sum, word) => sum + (word === term), 0);

  /* BM25 over the text, where a word in the heading counts like several, and words that stand side by side like more. */
  function ranker(sections) {
    const entries = sections.map(([page, anchor, title, heading, text]) => ({
      page, anchor, title, heading, text,
      body: stems(text), head: stems(heading), name: stems(title),
    }));
    const typical = entries.reduce((sum, e) => sum + e.body.length, 0) / entries.length;
    return (query) => {
      const terms = asked(query);
      if (!terms.length) return [];
      const hits = entries.map((entry) => {
        const tally = terms.map((term) => count(entry.body, term) + 4 * count(entry.head, term) + count(entry.name, term));
        return { entry, tally };
      });
      const rarity = terms.map((_, k) => Math.log(1 + entries.length / (1 + hits.filter((hit) => hit.tally[k]).length)));
      for (const hit of hits) {
        const { body, head } = hit.entry;
        const length = 0.4 + 0.6 * (body.length / typical);
        hit.found = hit.tally.filter(Boolean).length;
        const share = hit.found / terms.length;
        hit.score = hit.tally.reduce((sum, n, k) => sum + (rarity[k] * n * 2.2) / (n + 1.2 * length), 0) * share ** 3;
        if (stems(query).join(" ") === head.join(" ")) hit.score *= 5; // the heading itself, word for word
        if (hit.entry.page === "bibliography") hit.score *= 0.6; // what the book says comes before what it cites
        const phrase = ` ${terms.join(" ")} `;
        if (terms.length > 1 && ` ${body.join(" ")} `.includes(phrase)) hit.score *= 1.3;
        const inHead = terms.filter((term) => head.includes(term)).length;
        hit.score *= 1 + (inHead / terms.length) * (inHead / Math.max(1, head.filter((word) => !STOP.has(word)).length));
      }
      return hits.filter((hit) => hit.found > terms.length / 2).sort((a, b) => b.score - a.score).map((hit) => hit.entry);
    };
  }

  /* A text as nodes, with the words that were asked for in <mark>. */
  function marked(text, terms) {
    const parts = [];
    let end = 0;
    for (const { 0: word, index } of text.matchAll(WORD)) {
      if (!terms.includes(stem(word))) continue;
      const mark = document.createElement("mark");
      mark.textContent = word;
      parts.push(text.slice(end, index), mark);
      end = index + word.length;
    }
    return [...parts, text.slice(end)];
  }

  /* The piece of a text that has most of the words. */
  function excerpt(text, terms) {
    const places = [...text.matchAll(WORD)].filter(({ 0: word }) => terms.includes(stem(word)));
    let best = 0, most = -1;
    for (const { index } of places) {
      const here = new Set(places.filter((p) => p.index >= index && p.index < index + 160).map((p) => stem(p[0]))).size;
      if (here > most) [best, most] = [index, here];
    }
    const from = best < 60 ? 0 : text.indexOf(" ", best - 60) + 1;
    const to = from + 220 >= text.length ? text.length : text.lastIndexOf(" ", from + 220);
    return (from ? "… " : "") + text.slice(from, to) + (to < text.length ? " …" : "");
  }

  function results() {
    const field = document.querySelector(".bd-search-container input[type=search]");
    const list = document.getElementById("search-results"), status = document.getElementById("search-count");
    const rank = ranker(SECTIONS);
    const root = document.documentElement.dataset.content_root;
    function show() {
      const query = field.value.trim(), terms = asked(query), found = rank(query);
      status.textContent = !query ? "" : found.length === 1 ? "1 section" : `${found.length || "No"} sections`;
      list.replaceChildren(...found.slice(0, 50).map(({ page, anchor, title, heading, text }) => {
        const item = document.createElement("li"), link = document.createElement("a"), quote = document.createElement("p");
        link.href = `${root}${page}.html?find=${encodeURIComponent(query)}#${anchor}`;
        link.append(...marked(heading, terms));
        const where = document.createElement("span");
        where.textContent = heading === title ? "" : title;
        quote.append(...marked(excerpt(text, terms), terms));
        item.append(link, where, quote);
        return item;
      }));
    }
    field.value = new URLSearchParams(location.search).get("q") ?? "";
    field.addEventListener("input", () => {
      history.replaceState(null, "", `?q=${encodeURIComponent(field.value)}`);
      show();
    });
    field.form.addEventListener("submit", (event) => event.preventDefault());
    field.focus();
    show();
  }

  function land(query) {
    const terms = asked(query);
    const anchor = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const section = anchor?.closest("section, dt") ?? document.querySelector("article");
    if (!section) return;
    const pieces = section.tagName === "DT" ? [section, section.nextElementSibling] : [section];
    for (const piece of pieces) {
      const walker = document.createTreeWalker(piece, NodeFilter.SHOW_TEXT, (node) => {
        const aside = node.parentElement.closest("script, style, pre, .math, .headerlink, .tag_hidden");
        return aside ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT;
      });
      const texts = [];
      while (walker.nextNode()) texts.push(walker.currentNode);
      for (const text of texts) {
        const parts = marked(text.data, terms);
        if (parts.length > 1) text.replaceWith(...parts);
      }
    }
    const marks = pieces.flatMap((piece) => [...piece.querySelectorAll("mark")]);
    const first = marks.find((mark) => !mark.closest("h1, h2, h3, h4, h5, h6, dt")) ?? marks[0];
    for (let fold = first?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const show = () => first?.scrollIntoView({ block: "center", behavior: "instant" });
    show();
    addEventListener("load", show); // the browser has gone to the anchor meanwhile
  }

  addEventListener("DOMContentLoaded", () => {
    const query = new URLSearchParams(location.search).get("find");
    if (document.getElementById("search-results")) results();
    else if (query) land(query);
  });
})();
