/* The frame as the file has it: a centre, axes and an aperture that can be dragged, in pixels of the file. */
window.rawFrame = {
  start(event, overlay) {
    const svg = overlay.querySelector("svg");
    if (!svg) return;
    const state = JSON.parse(svg.dataset.state);
    const at = (e) => {
      const box = svg.getBoundingClientRect();
      return [((e.clientX - box.left) / box.width) * state.width - 0.5,
              ((e.clientY - box.top) / box.height) * state.height - 0.5];
    };
    const angle = (state.rotation * Math.PI) / 180;
    const handles = {
      centre: [state.column, state.row],
      rotation: [state.column + state.length * Math.cos(angle),
                 state.row - (state.length * Math.sin(angle)) / state.aspect],
      aperture: [state.circle[1] + state.circle[2], state.circle[0]],
    };
    const [x, y] = at(event);
    const away = (name) => Math.hypot(handles[name][0] - x, handles[name][1] - y);
    const name = Object.keys(handles).sort((a, b) => away(a) - away(b))[0];
    if (away(name) > 0.06 * Math.max(state.width, state.height)) return;
    event.preventDefault();
    const move = (e) => {
      const [x, y] = at(e);
      if (name === "centre") [state.column, state.row] = [x, y];
      if (name === "rotation") {
        state.rotation = (Math.atan2((state.row - y) * state.aspect, x - state.column) * 180) / Math.PI;
      }
      if (name === "aperture") {
        state.circle[2] = Math.max(2, Math.hypot(x - state.circle[1], (y - state.circle[0]) * state.aspect));
        state.open = false;
      }
      svg.dataset.state = JSON.stringify(state);
      rawFrame.draw(svg, state);
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
      overlay.dispatchEvent(new CustomEvent("moved", { detail: { handle: name, ...state } }));
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  },
  draw(svg, state) {
    const [x, y] = [state.column + 0.5, state.row + 0.5];
    svg.querySelector(".axes").setAttribute(
      "transform", `translate(${x} ${y}) scale(1 ${1 / state.aspect}) rotate(${-state.rotation})`);
    const rim = svg.querySelector(".rim"), knob = svg.querySelector(".knob");
    rim.setAttribute("rx", state.circle[2]);
    rim.setAttribute("ry", state.circle[2] / state.aspect);
    rim.setAttribute("opacity", state.open ? 0.25 : 1);
    knob.setAttribute("cx", state.circle[1] + state.circle[2] + 0.5);
  },
};
