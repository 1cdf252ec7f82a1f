// What plays: one audio or video element, and the time it is at, told for every frame while it plays.
const RATES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5];
const KEPT_RATE = "echo.rate";

export class Player {
  time = $state(0);
  duration = $state(0);
  playing = $state(false);
  rate = $state(Number(localStorage.getItem(KEPT_RATE)) || 1);
  /** What went wrong with the sound, for a message; empty where nothing did. */
  failed = $state(false);
  readonly rates = RATES;
  #media: HTMLMediaElement | null = null;
  #frame = 0;

  /** Follow this element; returns what ends it. */
  attach = (media: HTMLMediaElement): (() => void) => {
    const end = new AbortController();
    const on = (name: string, act: () => void) => media.addEventListener(name, act, { signal: end.signal });
    this.#media = media;
    media.defaultPlaybackRate = media.playbackRate = this.rate;
    on("loadedmetadata", () => {
      if (Number.isFinite(media.duration)) this.duration = media.duration;
      if (Math.abs(media.currentTime - this.time) > 0.05) media.currentTime = this.time;
    });
    on("play", () => this.#watch());
    on("pause", () => (this.playing = false));
    on("seeked", () => (this.time = media.currentTime));
    on("error", () => (this.failed = true));
    return () => {
      end.abort();
      cancelAnimationFrame(this.#frame);
      this.playing = false;
      if (this.#media === media) this.#media = null;
    };
  };

  #watch(): void {
    this.playing = true;
    cancelAnimationFrame(this.#frame);
    const tick = () => {
      if (!this.#media || this.#media.paused) return;
      if (!this.#media.seeking) this.time = this.#media.currentTime;
      this.#frame = requestAnimationFrame(tick);
    };
    this.#frame = requestAnimationFrame(tick);
  }

  seek = (seconds: number): void => {
    this.time = Math.min(Math.max(0, seconds), this.duration || Infinity);
    // Before the length is known the element would not take it; then it gets it when it is.
    if (this.#media && this.#media.readyState > 0) this.#media.currentTime = this.time;
  };
  back = (): void => this.seek(this.time - 5);
  forward = (): void => this.seek(this.time + 5);

  play = (): void => {
    this.failed = false;
    this.#media?.play().catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === "AbortError")) this.failed = true;
    });
  };
  pause = (): void => this.#media?.pause();
  toggle = (): void => (this.playing ? this.pause() : this.play());

  setRate = (rate: number): void => {
    this.rate = rate;
    localStorage.setItem(KEPT_RATE, String(rate));
    if (this.#media) this.#media.defaultPlaybackRate = this.#media.playbackRate = rate;
  };
  faster = (): void => this.setRate(RATES.find((rate) => rate > this.rate) ?? RATES.at(-1)!);
  slower = (): void => this.setRate(RATES.findLast((rate) => rate < this.rate) ?? RATES[0]!);
}
