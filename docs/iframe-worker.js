// Browsers start no worker for a page that is read from the disk, and the search of the site is one. There it runs in a
// hidden frame; the theme knows such frames by the name IFrameWorker.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.tell = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.loaded = new Promise((loaded) => (this.frame.loaded = loaded));
      document.body.append(this.frame);
      const inside = this.frame.contentDocument;
      inside.open();
      inside.write(
        "<script>postMessage = frameElement.tell<\/script>",
        `<script src="${address}" onload="frameElement.loaded()"><\/script>`,
      );
      inside.close();
    }

    postMessage(data) {
      this.loaded.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
