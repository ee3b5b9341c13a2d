export { FileStore, type FileStoreOptions } from "./filestore.js";
