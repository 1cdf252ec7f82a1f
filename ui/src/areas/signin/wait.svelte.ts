// Who knocked too often waits; the button says how long.
export class Wait {
  leftS = $state(0);
  #timer = 0;

  begin(seconds: number): void {
    const until = Date.now() + 1000 * Math.ceil(seconds || 10);
    clearInterval(this.#timer);
    const tick = () => {
      this.leftS = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      if (!this.leftS) clearInterval(this.#timer);
    };
    this.#timer = window.setInterval(tick, 500);
    tick();
  }
}
