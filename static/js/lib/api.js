// JSON requests to our own API, and asking for the same thing one at a time.

const TIMEOUT = 15_000; // ms
const STALLED = 60_000; // ms in which nothing of a file goes out, or no answer comes: it is given up

// A client_id: what is sent again under the same one is written once.
export function newId() {
  // randomUUID is missing on plain http other than localhost.
  return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");
}

export class ApiError extends Error {
  // `status` is 0 when no answer of ours came: offline, too slow, or a hotel's sign-in page in between; `retryAfter`
  // in seconds, 0 where the server does not say.
  constructor(status, detail = "", retryAfter = 0) {
    super(`request failed (${status})`);
    Object.assign(this, { status, detail, retryAfter });
  }
}

export class Api {
  #csrfCookie;
  #user;
  #onSignedOut;

  // `user`: whose page this is. `onSignedOut(other)`: they are signed out, and whether somebody else is signed in.
  constructor({ csrfCookie, user, onSignedOut }) {
    this.#csrfCookie = csrfCookie;
    this.#user = user;
    this.#onSignedOut = onSignedOut;
  }

  get(url) {
    return this.#request(url, { method: "GET" });
  }

  // When `signal` aborts, it fails with status 0.
  post(url, data = {}, signal = null) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#token() };
    // keepalive: a message on its way arrives even when the person goes to another page meanwhile.
    return this.#request(url, { method: "POST", headers, body: JSON.stringify(data), keepalive: true, signal });
  }

  // Send a form with a file; `onProgress` is told 0 to 1. When `signal` aborts, it fails with status 0.
  upload(url, form, { signal, onProgress }) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw new ApiError(0);
      const request = new XMLHttpRequest(); // fetch tells nothing of what has gone out
      let timer = 0;
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => request.abort(), STALLED);
      };
      request.open("POST", url);
      request.responseType = "json";
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-CSRFToken", this.#token());
      request.setRequestHeader("X-Page-Of", this.#user);
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        alive();
        onProgress(loaded / total);
      });
      request.addEventListener("loadend", () => {
        clearTimeout(timer);
        const { status, response } = request;
        if ([200, 201].includes(status) && response) resolve(response);
        else reject(this.#refusal([200, 201].includes(status) ? 0 : status, response, request.getResponseHeader("Retry-After")));
      });
      signal.addEventListener("abort", () => request.abort());
      alive();
      request.send(form);
    });
  }

  // Read at every request: signing in in another tab changes it.
  #token() {
    const start = `${this.#csrfCookie}=`;
    const cookie = document.cookie.split("; ").find((one) => one.startsWith(start));
    return cookie ? cookie.slice(start.length) : "";
  }

  async #request(url, options) {
    let response;
    let data = null;
    const tooLong = AbortSignal.timeout(TIMEOUT);
    try {
      response = await fetch(url, {
        ...options,
        headers: { Accept: "application/json", "X-Page-Of": this.#user, ...options.headers },
        cache: "no-store",
        credentials: "same-origin",
        redirect: "error",
        signal: options.signal && AbortSignal.any ? AbortSignal.any([options.signal, tooLong]) : tooLong,
      });
      if (response.status !== 204) data = await response.json();
    } catch {
      if (response === undefined || response.ok) throw new ApiError(0);
    }
    if (response.ok) return data;
    throw this.#refusal(response.status, data, response.headers.get("Retry-After"));
  }

  #refusal(status, data, retryAfter) {
    if (status !== 401) return new ApiError(status, detailOf(data), Number(retryAfter) || 0);
    this.#onSignedOut(Boolean(data?.other_account));
    return new ApiError(401); // the page says so once; no need to repeat it at every message
  }
}

// `{"detail": "…"}`, or `{"field": ["…"]}`
function detailOf(data) {
  const first = data && (data.detail ?? Object.values(data)[0]);
  return String((Array.isArray(first) ? first[0] : first) ?? "");
}

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
