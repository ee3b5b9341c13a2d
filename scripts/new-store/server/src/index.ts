export { MyStore, type MyStoreOptions, type ServerAddress } from "./mystore.js";
