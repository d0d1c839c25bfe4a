// Choosing files: by the button, the camera, drag and drop, or paste. What cannot be sent is said at once, and by whom
// it is taken is the same for all ways.

const SCREENSHOT = /^image\.(png|jpe?g|webp|gif)$/i; // what browsers call a pasted picture

export class Attach {
  #inside = 0; // elements of the zone a drag has entered and not left

  // `limits`: { max_bytes, types }; `onFile(blob, name)` for each that may be sent.
  constructor({ form, zone, limits, words, format, onFile }) {
    Object.assign(this, { form, zone, limits, words, format, onFile });
    this.note = document.getElementById("attach-note");
    this.target = document.getElementById("drop");
    for (const [button, input] of [["attach", "picker"], ["camera", "camera-picker"]]) this.#offer(button, input);
    zone.addEventListener("dragenter", (event) => this.#drag(event, 1));
    zone.addEventListener("dragleave", (event) => this.#drag(event, -1));
    zone.addEventListener("drop", (event) => this.#drop(event));
    // Beside the zone, a browser would leave the page to show the file.
    for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => hasFiles(event) && event.preventDefault());
    document.addEventListener("paste", (event) => this.#paste(event));
  }

  #offer(buttonId, inputId) {
    const button = document.getElementById(buttonId);
    const input = document.getElementById(inputId);
    button.hidden = false;
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.#take([...input.files].map((file) => [file, file.name]));
      input.value = ""; // the same file can be chosen again
      button.focus();
    });
  }

  get #open() {
    return this.form.isConnected && !this.form.hidden;
  }

  #drag(event, step) {
    if (!hasFiles(event) || !this.#open) return;
    this.#inside = Math.max(0, this.#inside + step);
    this.target.hidden = this.#inside === 0;
  }

  #drop(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.#inside = 0;
    this.target.hidden = true;
    if (this.#open) this.#take([...event.dataTransfer.files].map((file) => [file, file.name]));
  }

  // What is copied from a table or a text is a text, though it comes with a picture of itself. And what is pasted into
  // another box, a search or a note nobody else may see, is not meant for the conversation.
  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    const box = event.target.closest?.("input, textarea, dialog");
    if (box && !this.form.contains(box)) return;
    if (!files.length || event.clipboardData.getData("text/plain") || !this.#open) return;
    event.preventDefault();
    this.#take(files.map((file) => [file, SCREENSHOT.test(file.name) ? this.#screenshot(file.name) : file.name]));
  }

  #screenshot(name) {
    return `${this.words.screenshot} ${stamp(new Date())}.${name.split(".").pop()}`;
  }

  #take(files) {
    const problems = files.map(([file, name]) => this.#problem(file, name));
    this.say(problems.filter(Boolean).join(" "));
    files.forEach(([file, name], index) => problems[index] || this.onFile(file, name));
  }

  // Without an ending, the server decides by the bytes.
  #problem(file, name) {
    const { words, limits } = this;
    const ending = /\.\w+$/.exec(name.toLowerCase());
    const problem =
      file.size > limits.max_bytes
        ? words.fileTooLarge
        : ending && !limits.types.includes(ending[0])
          ? words.fileKind
          : file.size === 0
            ? words.fileEmpty
            : "";
    return problem.replace("{name}", () => name);
  }

  // Tell the person, above the box; nothing to say hides it.
  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

// "2026-11-25 14.03", fit for a file's name.
export function stamp(date) {
  const two = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}.${two(date.getMinutes())}.${two(date.getSeconds())}`;
}
