// How the app looks: as the system says, or as chosen. Kept in the browser, so that a page never flashes.
export type Theme = "system" | "light" | "dark";
const KEPT = "echo.theme";

export const chosenTheme = (): Theme => (localStorage.getItem(KEPT) as Theme | null) ?? "system";

export function applyTheme(theme: Theme = chosenTheme()): void {
  localStorage.setItem(KEPT, theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
