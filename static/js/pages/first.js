// The page of somebody without a case yet: the first one appears by itself.

import { byItself, isHere, watchActivity } from "../live/activity.js";
import { openStream } from "../live/tabs.js";

// Returns the stream. A page left open in front waits until they are back.
export function waitForFirst({ api, page, signedOut }) {
  const boxes = [...document.querySelectorAll("#new-case input:not([type=hidden]), #new-case textarea")];
  let isThere = false;
  // Whoever writes their question, or has just sent it, is left alone.
  const show = () => isThere && !boxes.some(({ value }) => value) && byItself(() => location.reload());
  const none = () => {};
  const ask = async () => {
    isThere = (await api.get(page.cases)).length > 0;
    if (isHere() || document.visibilityState === "hidden") show();
  };
  const onOtherAccount = () => signedOut(true);
  const answer = () => false;
  watchActivity(show);
  const stream = openStream({ url: page.events, user: page.user, onEvent: () => ask().catch(none), onState: none, onOtherAccount, answer, ask });
  stream.connect();
  return stream;
}
