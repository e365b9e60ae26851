"use strict";
(() => {
  const svg = document.getElementById("diagram");
  const names = document.getElementById("names");
  const scroller = document.getElementById("scroller");
  const details = document.getElementById("details");
  const only = document.getElementById("only");
  const marks = [...svg.querySelectorAll(".m")];
  const number = (name) => Number(svg.dataset[name]);
  const [unit, spread, gap, top, end, axis, gutter] =
    ["unit", "spread", "gap", "top", "end", "axis", "gutter"].map(number);
  const width = svg.viewBox.baseVal.width;
  let height = svg.viewBox.baseVal.height;
  let zoom = 1;

  // What a mark says stands in its title, for those who read the file without this
  // script; two bubbles would be one too many.
  const said = new Map();
  for (const mark of marks) {
    const title = mark.querySelector("title");
    said.set(mark, title.textContent);
    title.remove();
  }

  const make = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const exact = (nanos) => {
    const micros = Math.floor(nanos / 1000);
    const three = (n) => String(n % 1000).padStart(3, "0");
    return `${Math.floor(micros / 1e6)}.${three(Math.floor(micros / 1000))} ${three(micros)}`;
  };
  const about = (nanos) => {
    const seconds = Math.floor(nanos / 1e9);
    if (seconds >= 60) {
      return [[Math.floor(seconds / 3600), "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]]
        .filter(([count]) => count > 0).map((part) => part.join(" ")).join(" ");
    }
    const [size, name] = nanos >= 1e9 ? [1e9, "s"] : nanos >= 1e6 ? [1e6, "ms"] : nanos >= 1e3 ? [1e3, "µs"] : [1, "ns"];
    return `${Number((nanos / size).toPrecision(3))} ${name}`;
  };

  // The same rules as the file was written by, for the rows that are left.
  const layOut = () => {
    const rooms = new Map();
    const claim = (row, room) => rooms.set(row, Math.max(room, rooms.get(row) ?? 0));
    const hidden = new Set([...svg.classList].map((name) => name.replace("hide-", "")));
    const shown = marks.filter((mark) => !mark.classList.contains("off") && !hidden.has(mark.classList[1]));
    for (const mark of shown) {
      claim(Number(mark.dataset.a), Number(mark.dataset.h));
      claim(Number(mark.dataset.b), end);
    }
    const used = [...rooms.keys()].sort((a, b) => a - b);
    const at = new Map();
    const gaps = make("g", { id: "gaps" });
    const times = make("g", { id: "axis" });
    times.append(make("rect", { width: gutter - 6, height: "100%" }));
    let y = top, before, labelled = -Infinity, text = "";
    for (const row of used) {
      const passed = before === undefined ? 0 : TIMES[row] - before;
      const wanted = passed / unit * spread;
      const step = Math.max(rooms.get(row), Math.min(wanted, gap));
      if (wanted > gap * 1.5) {
        const middle = y + step / 2;
        gaps.append(make("line", { x1: gutter, x2: width - 12, y1: middle, y2: middle }));
        times.append(make("text", { class: "gap", x: gutter - 12, y: middle + 3.5 }, `\u22ee ${about(passed)}`));
      }
      y += step;
      at.set(row, y);
      before = TIMES[row];
      if (y - labelled >= axis && exact(before) !== text) {
        text = exact(before);
        times.append(make("text", { x: gutter - 12, y: y + 3.5 }, text));
        labelled = y;
      }
    }
    height = y + top;
    document.getElementById("gaps").replaceWith(gaps);
    document.getElementById("axis").remove();
    // Over the marks: it stays in sight when they are moved below it.
    svg.append(times);
    for (const mark of shown) {
      const from = at.get(Number(mark.dataset.a));
      const way = at.get(Number(mark.dataset.b)) - from;
      mark.setAttribute("transform", `translate(0,${from})`);
      const line = mark.querySelector(".way");
      if (line) {
        const [start, stop] = line.dataset.x.split(" ").map(Number);
        const out = start + Number(line.dataset.bend);
        line.setAttribute("d", out === start
          ? `M${start} ${-line.dataset.up} L${stop} ${way}`
          : `M${start} 0 C${out} 0 ${out} ${way} ${stop} ${way}`);
      }
      const box = mark.querySelector(".span");
      if (box) box.setAttribute("height", way + Number(box.dataset.more));
    }
    resize();
  };

  const resize = () => {
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const [picture, tall] of [[svg, height], [names, names.viewBox.baseVal.height]]) {
      picture.setAttribute("width", width * zoom);
      picture.setAttribute("height", tall * zoom);
    }
    document.querySelector("#zoom output").textContent = `${Math.round(zoom * 100)}%`;
    keepAxis();
  };
  const keepAxis = () => {
    const moved = `translate(${scroller.scrollLeft / zoom},0)`;
    document.getElementById("axis").setAttribute("transform", moved);
    names.querySelector(".unit").setAttribute("transform", moved);
  };
  scroller.addEventListener("scroll", keepAxis);
  const zoomTo = (wanted, x = 0, y = scroller.clientHeight / 2) => {
    const old = zoom;
    zoom = Math.min(8, Math.max(.05, wanted));
    const left = (scroller.scrollLeft + x) * zoom / old - x;
    const above = (scroller.scrollTop + y) * zoom / old - y;
    resize();
    scroller.scrollTo(left, above);
  };
  document.getElementById("zoom").addEventListener("click", (event) => {
    const how = event.target.dataset.zoom;
    if (how === "in") zoomTo(zoom * 1.25);
    if (how === "out") zoomTo(zoom / 1.25);
    if (how === "fit") zoomTo(scroller.clientWidth / width, 0, 0);
  });
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const frame = scroller.getBoundingClientRect();
    zoomTo(zoom * Math.exp(-event.deltaY / 400), event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });

  for (const box of document.querySelectorAll("[data-kind]")) {
    // A page that is loaded again may come with the boxes as they were left.
    const follow = () => svg.classList.toggle(`hide-${box.dataset.kind}`, !box.checked);
    follow();
    box.addEventListener("change", () => { follow(); layOut(); });
  }
  const boxes = [...document.querySelectorAll("[data-connection]")];
  const wanted = () => {
    const ranges = (only?.value ?? "").split(/[\s,;]+/).filter(Boolean).map((part) => {
      const [from, to] = part.replaceAll("#", "").split(/[-\u2013]/).map(Number);
      return [from, to ?? from];
    });
    const unchecked = new Set(boxes.filter((box) => !box.checked).map((box) => box.dataset.connection));
    return (c) => ranges.length > 0
      ? ranges.some(([from, to]) => from <= Number(c) && Number(c) <= to)
      : !unchecked.has(c);
  };
  const filter = () => {
    const keep = wanted();
    for (const mark of marks) {
      mark.classList.toggle("off", mark.dataset.c !== undefined && !keep(mark.dataset.c));
    }
    for (const box of boxes) if (only.value.trim()) box.checked = keep(box.dataset.connection);
    layOut();
  };
  only?.addEventListener("input", () => {
    if (!only.value.trim()) for (const box of boxes) box.checked = true;
    filter();
  });
  for (const box of boxes) box.addEventListener("change", () => { only.value = ""; filter(); });
  svg.addEventListener("click", (event) => {
    const connection = event.target.closest(".m")?.dataset.c;
    if (connection === undefined || !only) return;
    only.value = only.value === connection ? "" : connection;
    only.dispatchEvent(new Event("input"));
  });

  let pointed;
  svg.addEventListener("mousemove", (event) => {
    const mark = event.target.closest(".m");
    if (mark !== pointed) {
      details.textContent = mark ? said.get(mark) : "";
      pointed = mark;
    }
    if (!mark) return;
    const { offsetWidth, offsetHeight } = details;
    details.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - offsetWidth - 8))}px`;
    details.style.top = `${Math.max(4, Math.min(event.clientY + 16, innerHeight - offsetHeight - 8))}px`;
  });
  svg.addEventListener("mouseleave", () => { details.textContent = ""; pointed = undefined; });

  if (only?.value || boxes.some((box) => !box.checked)) filter(); else layOut();
})();
