import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const PLATFORM = process.env.BRICKYARD_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/brickyard/echo/web",
    emptyOutDir: true,
    target: ["chrome120", "firefox121", "safari17.2"],
    assetsInlineLimit: 0, // the content security policy has no exception for data: scripts or fonts
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { host: "127.0.0.1", proxy: { "/api": PLATFORM, "/oauth": PLATFORM } },
});
