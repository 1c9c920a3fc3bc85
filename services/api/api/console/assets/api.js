// The one client of the REST API. The browser adds the cookie of the sign-in; the header tells the service that we asked.

const PAGE_SIZE = 50;

// Why a request was not carried out (RFC 9457). `status` 0: there was no answer.
export class Problem extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }

  // What is wrong with a field of the body.
  of(field) {
    return this.errors.find((fault) => fault.field === field || fault.field.startsWith(`${field}.`))?.detail;
  }
}

let signedOut = () => {};

export function onSignedOut(listener) {
  signedOut = listener;
}

// { data, etag }; data is null where there is none. Raises Problem, or AbortError when `signal` says so.
export async function ask(method, path, { body, query, ifMatch, signal } = {}) {
  const headers = { Accept: "application/json", "X-Mailstead-Console": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (ifMatch) headers["If-Match"] = ifMatch;
  if (method === "POST" && path !== "/sign-ins") headers["Idempotency-Key"] = randomKey();
  const response = await sent(method, `/v1${path}${queryString(query)}`, headers, body, signal);
  if (response.ok) {
    const data = response.status === 204 ? null : await response.json();
    return { data, etag: response.headers.get("ETag") };
  }
  const problem = await problemOf(response);
  if (problem.status === 401 && problem.errors.length === 0 && !path.startsWith("/sign-ins")) signedOut();
  throw problem;
}

export const get = async (path, query, signal) => (await ask("GET", path, { query, signal })).data;
export const post = async (path, body) => (await ask("POST", path, { body })).data;
export const put = async (path, body) => (await ask("PUT", path, { body })).data;
export const patch = async (path, body, ifMatch) => (await ask("PATCH", path, { body, ifMatch })).data;
export const remove = async (path, query) => (await ask("DELETE", path, { query })).data;

// One page of a list: { items, next_cursor }.
export const page = (path, query, cursor, signal) => get(path, { limit: PAGE_SIZE, ...query, cursor }, signal);

async function sent(method, url, headers, body, signal) {
  try {
    const init = { method, headers, signal, credentials: "same-origin", cache: "no-store", redirect: "error" };
    return await fetch(url, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached. Check the connection and try again.");
  }
}

async function problemOf(response) {
  try {
    const { detail, errors } = await response.json();
    return new Problem(response.status, detail, errors ?? []);
  } catch {
    return new Problem(response.status, `The server answered ${response.status}. Try again later.`);
  }
}

function queryString(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (octet) => octet.toString(16).padStart(2, "0")).join("");
}
