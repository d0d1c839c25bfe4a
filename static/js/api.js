// JSON requests to our own API.

const TIMEOUT = 15_000; // ms

export class ApiError extends Error {
  // `status` is 0 when no answer of ours came: offline, too slow, or a hotel's sign-in page in between.
  constructor(status, detail = "") {
    super(`request failed (${status})`);
    this.status = status;
    this.detail = detail;
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

  post(url, data = {}) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#token() };
    // keepalive: a message on its way arrives even when the person goes to another page meanwhile.
    return this.#request(url, { method: "POST", headers, body: JSON.stringify(data), keepalive: true });
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
    try {
      response = await fetch(url, {
        ...options,
        headers: { Accept: "application/json", "X-Page-Of": this.#user, ...options.headers },
        cache: "no-store",
        credentials: "same-origin",
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (response.status !== 204) data = await response.json();
    } catch {
      if (response === undefined || response.ok) throw new ApiError(0);
    }
    if (response.ok) return data;
    if (response.status === 401) {
      this.#onSignedOut(Boolean(data?.other_account));
      throw new ApiError(401); // the page says so once; no need to repeat it at every message
    }
    throw new ApiError(response.status, detailOf(data));
  }
}

// `{"detail": "…"}`, or `{"field": ["…"]}`
function detailOf(data) {
  const first = data && (data.detail ?? Object.values(data)[0]);
  return String((Array.isArray(first) ? first[0] : first) ?? "");
}
