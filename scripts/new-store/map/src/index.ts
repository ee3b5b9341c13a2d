export { MyStore, type MyStoreOptions } from "./mystore.js";
