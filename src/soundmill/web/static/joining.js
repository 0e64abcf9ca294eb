// Several chosen files as one result: whether they are joined, and in which order.

import { make } from "./forms.js";

/** Offers to join the files that are shown; `say` tells a move to those who don't see it. */
export class Joining {
  #files = [];
  #say;

  constructor(form, say) {
    this.box = form.querySelector("#joining");
    this.wanted = this.box.querySelector("[name=join]");
    this.list = this.box.querySelector("ol");
    this.#say = say;
    this.wanted.addEventListener("change", () => this.#draw());
  }

  /** The files in their order. */
  get files() {
    return this.#files;
  }

  get isWanted() {
    return this.wanted.checked;
  }

  /** Begin anew with these files, joined or not. */
  show(files, isWanted) {
    this.#files = [...files];
    this.wanted.checked = isWanted;
    this.box.hidden = this.#files.length < 2;
    this.#draw();
  }

  #draw() {
    this.list.hidden = !this.isWanted;
    this.list.replaceChildren(...(this.isWanted ? this.#files.map((file, place) => this.#row(file, place)) : []));
  }

  #row(file, place) {
    const up = this.#button("↑", `Move ${file.name} up`, place, -1);
    const down = this.#button("↓", `Move ${file.name} down`, place, 1);
    return make("li", {}, make("bdi", { className: "name" }, file.name), up, down);
  }

  #button(sign, label, place, step) {
    const button = make("button", { type: "button", className: "quiet", ariaLabel: label }, sign);
    button.disabled = !this.#files[place + step];
    button.onclick = () => this.#move(place, step);
    return button;
  }

  #move(place, step) {
    const [file] = this.#files.splice(place, 1);
    this.#files.splice(place + step, 0, file);
    this.#draw();
    // The focus goes along; at an end, where it can't go on, to the way back.
    const [up, down] = this.list.children[place + step].querySelectorAll("button");
    const [same, back] = step < 0 ? [up, down] : [down, up];
    (same.disabled ? back : same).focus();
    this.#say(`${file.name}: ${place + step + 1} of ${this.#files.length}`);
  }
}
