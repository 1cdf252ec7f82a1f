// The pages and their addresses. The server serves the app at these too: see echo/pages.py.
import type { Page } from "./router.svelte";

export const PAGES: Page[] = [
  { path: "/", load: () => import("./areas/library/Library.svelte") },
  { path: "/add", load: () => import("./areas/upload/Add.svelte") },
  { path: "/queue", load: () => import("./areas/queue/Queue.svelte") },
  { path: "/search", load: () => import("./areas/search/Search.svelte") },
  { path: "/team", load: () => import("./areas/library/Team.svelte") },
  { path: "/recordings/:recording", load: () => import("./areas/recording/Recording.svelte") },
  { path: "/admin", load: () => import("./areas/admin/Admin.svelte") },
  { path: "/admin/:section", load: () => import("./areas/admin/Admin.svelte") },
  { path: "/account", load: () => import("./areas/account/Account.svelte") },
  { path: "/help", load: () => import("./areas/help/Help.svelte") },
  { path: "/help/:topic", load: () => import("./areas/help/Help.svelte") },
];
