export default defineNuxtConfig({
  compatibilityDate: "2026-11-01",
  devtools: { enabled: false },
  app: {
    head: {
      title: "Notes",
      htmlAttrs: { lang: "en" },
      link: [{ rel: "stylesheet", href: "/style.css" }],
    },
  },
});
