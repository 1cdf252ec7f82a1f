// Whether single characters act as keys. Who dictates, or brushes keys by accident, turns them off; kept in the browser.
const KEPT = "echo.shortcuts";

export const singleKeysAct = (): boolean => localStorage.getItem(KEPT) !== "off";

export const letSingleKeysAct = (act: boolean): void => localStorage.setItem(KEPT, act ? "on" : "off");

/** A letter, digit or sign without Ctrl, Alt or the command key, which must do nothing now. Space is none of them. */
export const isSilenced = (event: KeyboardEvent): boolean =>
  event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey && !singleKeysAct();
