// Files that were dropped somewhere else in the app, on their way to the page that adds them.
export const chosen = $state<{ files: File[] }>({ files: [] });
