// Every call to the server goes through here: who is signed in, what proves that this page asked, what an error says.

export const API = "/api/v1";
const CSRF = "X-Brickyard-CSRF", SAFE = ["GET", "HEAD"];
const ELSEWHERE = new Promise(() => {}); // the page is being left: nothing comes after
let known = null;

export function session(anew = false) { // who is signed in, and through what one could
  if (anew || !known) known = read("/session").catch(error => { known = null; throw error; });
  return known;
}
async function read(path) {
  const answer = await reach(path, {});
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}
export function leaveToSignIn() {
  location.assign(`/signin?${new URLSearchParams({ next: location.pathname + location.search + location.hash })}`);
  return ELSEWHERE;
}

export async function request(path, options = {}) {
  let answer = await reach(path, await proven(options));
  if (answer.status === 403 && !SAFE.includes(options.method || "GET")) {
    const error = await refusal(answer);
    if (!error.message.toLowerCase().includes(CSRF.toLowerCase())) throw error;
    await session(true); // signed in anew, in another tab
    answer = await reach(path, await proven(options));
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && !(await session(true)).signed_in) return leaveToSignIn();
  throw await refusal(answer);
}
export async function ask(path, options) {
  const answer = await request(path, options);
  return answer.status === 204 ? null : answer.json();
}
export const tell = (method, path, body) => ask(path, { method, ...(body !== undefined && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }) });

export async function knock(method, path, body) { // at the door: nobody is signed in yet, and 401 is an answer
  const answer = await reach(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw await refusal(answer);
  known = null;
  return answer.status === 204 ? null : answer.json();
}

async function proven(options) {
  if (SAFE.includes(options.method || "GET")) return options;
  const { csrf } = await session();
  return { ...options, headers: { ...options.headers, ...(csrf && { [CSRF]: csrf }) } };
}
async function reach(path, options) {
  try { return await fetch(API + path, { credentials: "same-origin", ...options }); }
  catch (error) { if (error.name === "AbortError") throw error; throw new Error("The server does not answer. Is the platform running?"); }
}
async function refusal(answer) {
  const { error } = await answer.json().catch(() => ({}));
  const message = error ? error.message : `The server answered with status ${answer.status}.`;
  return Object.assign(new Error(message), { status: answer.status, code: error?.code, retryAfterS: Number(answer.headers.get("Retry-After")) || 0 });
}

export async function upload(path, form, onProgress) { // what was sent can be watched
  const { csrf } = await session(true);
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", API + path);
    if (csrf) sending.setRequestHeader(CSRF, csrf);
    sending.upload.onprogress = event => onProgress(event.loaded, event.total);
    sending.onload = () => {
      let body = {};
      try { body = JSON.parse(sending.responseText); } catch { /* not ours */ }
      if (sending.status === 201) return resolve(body);
      if (sending.status === 401) return leaveToSignIn();
      reject(new Error(body.error ? body.error.message : `the server answered with status ${sending.status}.`));
    };
    sending.onerror = () => reject(new Error("the upload broke off. Is the platform running?"));
    sending.send(form);
  });
}
