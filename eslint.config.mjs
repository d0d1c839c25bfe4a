// What `make lint` asks of the JavaScript. Jiayi itself runs without Node.js: this checks, and builds nothing.

import js from "@eslint/js";
import globals from "globals";

// Not all that a window has: `name`, `event`, `status`, `find`, `open` and their like are there too, and a variable that
// was forgotten would pass for one of them.
const OF_THE_WINDOW = [
  ...["document", "window", "location", "history", "navigator", "localStorage", "sessionStorage", "indexedDB", "crypto"],
  ...["fetch", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval", "matchMedia"],
  ...["alert", "confirm"], // signing out with unsent messages asks
];
const isOurs = ([name]) => /^[A-Z]/.test(name) || OF_THE_WINDOW.includes(name);
const browser = Object.fromEntries(Object.entries(globals.browser).filter(isOurs));

export default [
  { ignores: [".venv/", "var/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["static/**/*.js", "eslint.config.mjs"],
    languageOptions: { ecmaVersion: 2023, sourceType: "module" },
    rules: {
      ...js.configs.recommended.rules,
      "no-undef": ["error", { typeof: true }],
      "no-unused-vars": ["error", { args: "all", argsIgnorePattern: "^_", caughtErrors: "all" }],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
      "no-duplicate-imports": "error",
      "no-self-compare": "error",
      "no-template-curly-in-string": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-useless-rename": "error",
      "no-useless-return": "error",
      "array-callback-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-console": "error",
      "no-shadow": "error",
      "max-lines": ["error", 300], // the house's limits
      "max-lines-per-function": ["error", 30],
    },
  },
  { files: ["static/**/*.js"], languageOptions: { globals: browser } },
  // The one that is no module: Django's admin has it as a script.
  { files: ["static/js/pages/admin.js"], languageOptions: { sourceType: "script" } },
];
