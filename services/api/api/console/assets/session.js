// Who is signed in: { account_id, tenant_id, address, role, expires_at }, or null.

import { ask, get, post, Problem } from "./api.js";

const HINT = "mailstead.signed-in"; // in localStorage: whether there may be a cookie, which scripts cannot see

let person = null;

export const me = () => person;
export const isOwner = () => person?.role === "owner";

// Who the browser's cookie is of.
export async function restore() {
  if (!localStorage.getItem(HINT)) return null;
  try {
    person = await get("/sign-ins/current");
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    forget();
  }
  return person;
}

// `proof` is what is wanted besides: a `code`, or a `recovery_code`.
export async function signIn(address, password, proof = {}) {
  person = await post("/sign-ins", { address, password, cookie: true, ...proof });
  localStorage.setItem(HINT, "1");
  return person;
}

export async function signOut() {
  await ask("DELETE", "/sign-ins/current").catch((error) => {
    if (error.status !== 401) throw error;
  });
  forget();
}

let asking = () => {};

// `listener(notice)` shows where to sign in.
export function onAsked(listener) {
  asking = listener;
}

// Whoever was signed in is so no more.
export function askAgain(notice) {
  forget();
  asking(notice);
}

function forget() {
  localStorage.removeItem(HINT);
  person = null;
}
