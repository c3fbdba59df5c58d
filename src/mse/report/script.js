"use strict";
document.documentElement.dataset.language = "nb";
document.addEventListener("click", function (event) {
  var button = event.target.closest("button[data-show]");
  if (!button) return;
  var root = document.documentElement;
  var from = root.dataset.language, to = button.dataset.show;
  if (from === to) return;
  var top = 0, place = null;
  document.querySelectorAll(".in-" + from + " h2[id]").forEach(function (heading) {
    var y = heading.getBoundingClientRect().top;
    if (y < 140) { place = heading.id.slice(from.length); top = y; }
  });
  root.dataset.language = to;
  root.lang = to;
  document.title = button.dataset.title;
  document.querySelectorAll("button[data-show]").forEach(function (other) {
    other.setAttribute("aria-pressed", String(other === button));
  });
  var same = place && window.scrollY > 0 && document.getElementById(to + place);
  if (same) window.scrollBy(0, same.getBoundingClientRect().top - top);
});
