// What must survive a reload: answers on their way, what is assigned, who is at work. IndexedDB; memory in a window that has none.

const STORES = { outbox: { autoIncrement: true }, assignments: {}, kept: {} };

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function openDatabase(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    for (const [store, options] of Object.entries(STORES)) request.result.createObjectStore(store, options);
  };
  return settled(request);
}

export class Vault {
  /** One database for each place the page is served from. */
  static async open() {
    const name = `prefgym-label ${new URL(".", location.href).pathname}`;
    try {
      return new Vault(await openDatabase(name));
    } catch {
      return new MemoryVault(); // a private window: answers are sent, but a reload forgets those that are not yet
    }
  }

  constructor(database) {
    this.database = database;
    this.isLasting = true;
  }

  /** Run one request in a transaction, and wait until it is on disk. */
  run(store, mode, ask) {
    const transaction = this.database.transaction(store, mode, { durability: "strict" });
    const request = ask(transaction.objectStore(store));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  }

  put = (store, value, key) => this.run(store, "readwrite", (one) => one.put(value, key));
  get = (store, key) => this.run(store, "readonly", (one) => one.get(key));
  all = (store) => this.run(store, "readonly", (one) => one.getAll());
  keys = (store) => this.run(store, "readonly", (one) => one.getAllKeys());
  remove = (store, key) => this.run(store, "readwrite", (one) => one.delete(key));
  clear = (store) => this.run(store, "readwrite", (one) => one.clear());
}

class MemoryVault {
  stores = Object.fromEntries(Object.keys(STORES).map((name) => [name, new Map()]));
  next = 1;
  isLasting = false;

  async put(store, value, key = this.next++) {
    this.stores[store].set(key, value);
    return key;
  }
  get = async (store, key) => this.stores[store].get(key);
  all = async (store) => [...this.stores[store].values()];
  keys = async (store) => [...this.stores[store].keys()];
  remove = async (store, key) => this.stores[store].delete(key);
  clear = async (store) => this.stores[store].clear();
}
