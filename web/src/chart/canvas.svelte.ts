/** A box filled by a canvas: its size, whether it is in sight, and drawing in turn with the other charts. */
import { draw, forget } from './busy';
import { fit, watchSight, watchSize } from './sight';

export class CanvasBox {
  /** CSS pixels. */
  width = $state(0);
  height = $state(0);
  inSight = $state(false);

  /** Follow the box; the return value stops it. Call in an `$effect`. */
  watch(box: Element): () => void {
    const stop = [
      watchSight(box, (now) => (this.inSight = now)),
      watchSize(box, (width, height) => {
        this.width = Math.floor(width);
        this.height = Math.floor(height);
      }),
    ];
    return () => {
      for (const one of stop) one();
      forget(this);
    };
  }

  /** Draw in one of the next frames, on a canvas as large as the box; replaces a drawing that is still pending. */
  draw(canvas: HTMLCanvasElement, paint: (context: CanvasRenderingContext2D, width: number, height: number) => void): void {
    const { width, height } = this;
    draw(this, () => paint(fit(canvas, width, height), width, height));
  }
}
