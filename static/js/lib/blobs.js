// Files on their way, kept on this device until the server has them: in memory, and, where the browser lets us, so
// that they survive a reload. Named like the outbox's items, apart for each account and case.

const DATABASE = "jiayi";
const STORE = "files";
const FORGET_WITHIN = 1_000; // ms; nobody waits longer to be signed out

const memory = new Map();
let database = null;
let forgotten = false;

function open() {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      // Another tab signs out and deletes it all: do not stand in its way.
      request.result.onversionchange = () => {
        request.result.close();
        database = null;
      };
      resolve(request.result);
    };
  });
  return database;
}

async function run(mode, work) {
  const transaction = (await open()).transaction(STORE, mode);
  const request = work(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

// No storage, or it is full: then it is kept in memory only.
const ignore = () => null;

export function keepBlob(name, blob) {
  if (forgotten) return;
  memory.set(name, blob);
  run("readwrite", (store) => store.put(blob, name)).catch(ignore);
}

// The one kept in memory, or null.
export function blobAtHand(name) {
  return memory.get(name) ?? null;
}

// The one kept under this name, or null when the browser did not keep it.
export async function loadBlob(name) {
  return memory.get(name) ?? (await run("readonly", (store) => store.get(name)).catch(ignore)) ?? null;
}

export function dropBlob(name) {
  return drop(name).catch(ignore);
}

function drop(name) {
  memory.delete(name);
  return run("readwrite", (store) => store.delete(name));
}

// Drop those under names that start so and are not among `wanted`: what a crash left behind.
export function keepOnly(start, wanted) {
  return dropBlobs((name) => name.startsWith(start) && !wanted.has(name) && !memory.has(name)).catch(ignore);
}

// Resolves when they are gone; fails when the browser does not let us.
export async function dropBlobs(test) {
  const names = await run("readonly", (store) => store.getAllKeys());
  await Promise.all(names.filter(test).map(drop));
}

// Resolves when nothing is left, or after a second at the latest.
export function forgetBlobs() {
  forgotten = true;
  memory.clear();
  return new Promise((resolve) => {
    setTimeout(resolve, FORGET_WITHIN);
    try {
      const request = indexedDB.deleteDatabase(DATABASE);
      request.onsuccess = request.onerror = () => resolve();
    } catch {
      resolve(); // there is no storage
    }
  });
}
