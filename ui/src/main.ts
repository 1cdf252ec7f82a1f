import { mount } from "svelte";
import App from "./App.svelte";
import { loadMessages } from "./messages";
import { applyTheme } from "./theme";

applyTheme();
await loadMessages();
mount(App, { target: document.getElementById("app")! });
