// The sound of a new message: two soft notes, made here. Browsers let a page sound only after it was touched once.

const NOTES = [
  [659.3, 0],
  [880, 0.12],
]; // Hz, and when in seconds
const LOUD = 0.12;
const LONG = 0.5; // seconds

let audio = null;

// Make ready at the first touch if `isWanted()`; Safari wants it then and there.
export function armChime(isWanted) {
  const arm = () => {
    if (!isWanted()) return;
    audio ??= newAudio();
    audio?.resume().catch(() => {});
  };
  for (const sign of ["pointerdown", "keydown"]) document.addEventListener(sign, arm, { once: true, passive: true });
}

export async function chime() {
  audio ??= newAudio();
  try {
    await audio?.resume();
  } catch {
    return; // not allowed to sound; the title and the badge say it as well
  }
  if (audio?.state === "running") NOTES.forEach(([pitch, after]) => note(pitch, audio.currentTime + after));
}

function newAudio() {
  return typeof AudioContext === "undefined" ? null : new AudioContext();
}

function note(pitch, at) {
  const tone = new OscillatorNode(audio, { frequency: pitch });
  const volume = new GainNode(audio, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUD, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, at + LONG);
  tone.connect(volume).connect(audio.destination);
  tone.start(at);
  tone.stop(at + LONG);
}
