import "./style.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./parts/theme.tsx";

applyTheme();
const root = document.getElementById("page");
if (root) render(<App />, root);
