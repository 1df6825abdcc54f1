/** Mouse gestures of charts, and whether the hint about them was shown. */
import { keep, recall } from '../../state/stored';

type Gesture = 'drag' | 'double' | 'pan' | 'click' | 'wheel';
export const GESTURES: readonly Gesture[] = ['drag', 'double', 'pan', 'wheel', 'click'];

class FirstHint {
  /** Until the pointer has rested on a chart once. */
  isNew = $state(!recall('chartHint', false));

  done(): void {
    this.isNew = false;
    keep('chartHint', true);
  }
}

export const hint = new FirstHint();
