// Folders that are dropped: the files in them that may hold sound.

const NEVER_SOUND = /^(image|text|font)\/|^application\/(pdf|json|xml|zip|x-zip-compressed)$/;

/** The dropped folders' files, beside those that were dropped themselves; null where no folder is among them. To be called while the event lasts. */
export function inFolders(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return null;
  return Promise.all(entries.map((entry) => (entry.isDirectory ? soundsIn(entry) : opened(entry)))).then((found) => found.flat());
}

async function soundsIn(folder) {
  const entries = (await listed(folder)).filter((entry) => !entry.name.startsWith("."));
  entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  const found = await Promise.all(entries.map((entry) => (entry.isDirectory ? soundsIn(entry) : opened(entry))));
  return found.flat().filter((file) => !NEVER_SOUND.test(file.type));
}

async function listed(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // browsers give 100 at a time
    if (!some.length) return entries;
    entries.push(...some);
  }
}

function opened(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
