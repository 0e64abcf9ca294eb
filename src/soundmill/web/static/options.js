// Target formats and their options, as the service lists them.

import { make } from "./forms.js";

/** The chips of all formats; `onChange` is called with the chosen formats, also at first. */
export function showFormats(fieldset, formats, onChange) {
  for (const format of formats) {
    const input = make("input", { type: "checkbox", name: "newFormat", value: format.name, checked: format.name === "mp3" });
    fieldset.append(make("label", { className: "chip", title: format.title }, input, make("span", {}, format.name)));
  }
  const chosen = () => formats.filter((format) => fieldset.querySelector(`[value="${format.name}"]`).checked);
  fieldset.addEventListener("change", () => onChange(chosen()));
  onChange(chosen());
}

// By name, also of fields that aren't shown now: between two formats there may be none chosen, or one without them.
const entered = {};

/** Fields for the options that every one of the chosen formats takes, keeping what was entered. */
export function showOptions(box, chosen) {
  for (const each of box.querySelectorAll("input, select")) entered[each.name] = each.value;
  const fields = chosen.length ? fieldsFor(chosen) : [];
  box.replaceChildren(...fields.map(([label, field]) => make("label", {}, label, field)));
  for (const field of box.querySelectorAll("input, select")) {
    if (entered[field.name] !== undefined) field.value = entered[field.name];
    if (field.selectedIndex === -1) field.selectedIndex = 0;
  }
  if (!fields.length) box.append(make("p", { className: "facts" }, "Choose a format first."));
}

function fieldsFor(chosen) {
  const fields = [];
  const [first] = chosen;
  if (chosen.some((each) => each.presets.length)) {
    const [, ...words] = first.choices.preset.values;
    fields.push(["Preset", choice("preset", words.map((word) => [word, word]))]);
  }
  if (chosen.every((each) => each.bitRates)) {
    const lowest = Math.max(...chosen.map((each) => each.bitRates.minimum)) / 1000;
    const highest = Math.min(...chosen.map((each) => each.bitRates.maximum)) / 1000;
    const rates = [32, 48, 64, 96, 128, 160, 192, 256, 320, 448, 510].filter((rate) => rate >= lowest && rate <= highest);
    fields.push(["Bit rate", choice("bitRate", rates.map((rate) => [`${rate}k`, `${rate} kbit/s`]))]);
  }
  const modes = common(chosen.map((each) => each.bitRateModes)) ?? [];
  if (modes.length > 1) fields.push(["Constant or variable", choice("bitRateMode", modes.map((mode) => [mode, mode]))]);
  if (chosen.length === 1 && first.quality) {
    const { worst, best, meaning } = first.quality;
    const [min, max] = [Math.min(worst, best), Math.max(worst, best)];
    fields.push([`Quality, ${best} (best) to ${worst}`, make("input", { type: "number", name: "quality", min, max, step: "any", placeholder: "automatic", title: meaning })]);
  }
  const rates = common(chosen.map((each) => each.sampleRates).filter((each) => each.length)) ?? [44100, 48000, 88200, 96000, 192000];
  if (rates.length) fields.push(["Sample rate", choice("sampleRate", rates.map((rate) => [rate, `${rate / 1000} kHz`]))]);
  fields.push(["Channels", choice("channels", [[1, "mono"], [2, "stereo"]])]);
  const depths = common(chosen.map((each) => each.bitDepths)) ?? [];
  if (depths.length) fields.push(["Bit depth", choice("bitDepth", depths.map((depth) => [depth, `${depth} bit`]))]);
  return [...fields, ...editFields(first.edits)];
}

/** What is done to the sound, whatever the format. */
function editFields(edits) {
  const seconds = ({ minimum: min, maximum: max, meaning: title }) => ({ type: "number", inputMode: "decimal", step: "any", min, max, title });
  const levels = [[-14, "−14 LUFS (streaming)"], [-16, "−16 LUFS (podcasts)"], [-23, "−23 LUFS (broadcast)"]];
  return [
    ["Begin at second", make("input", { ...seconds(edits.trimStart), name: "trimStart", placeholder: "beginning" })],
    ["End at second", make("input", { ...seconds(edits.trimEnd), name: "trimEnd", placeholder: "end" })],
    ["Silence at the ends", choice("trimSilence", [["true", "cut off"]], "stays")],
    ["Loudness", choice("loudness", levels, "as it is")],
    ["Into pieces", choice("split", [["chapters", "by chapters"], ["cue", "by the cue sheet in it"], ["silence", "at pauses"]], "no")],
    ["Damaged files", choice("onDamage", [["salvage", "give what can be read"]], "are refused")],
  ];
}

function choice(name, values, unless = "automatic") {
  return make("select", { name }, new Option(unless, ""), ...values.map(([value, label]) => new Option(label, value)));
}

/** What is in all lists; undefined when there is no list. */
function common(lists) {
  return lists.reduce?.((both, list) => both?.filter((each) => list.includes(each)) ?? list, undefined);
}
