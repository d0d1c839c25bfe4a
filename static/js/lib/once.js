// `again = oneAtATime(work)`: calls made while `work` runs do not run beside it, but make it run once more. An answer
// that is older than what happened meanwhile is so never the last word.

export function oneAtATime(work) {
  let running = null;
  let wanted = false;
  const run = async () => {
    do {
      wanted = false;
      await work();
    } while (wanted);
  };
  const call = () => {
    if (running) wanted = true;
    running ??= run().finally(() => {
      running = null;
    });
    return running;
  };
  // Something happened that an answer under way may not know of.
  call.outdated = () => {
    wanted = running !== null;
  };
  return call;
}
