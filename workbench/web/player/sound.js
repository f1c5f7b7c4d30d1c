// @ts-check
// The audio of one video, which follows the clock: it never leads, so that the frames stay together.

const SLOWEST = 0.5; // speeds outside this range make speech senseless
const FASTEST = 2;
const NEAR_S = 0.02;
const FAR_S = 0.12; // beyond, it jumps; between, it plays a little faster or slower
const STEADY = 0.85; // of the wanted speed, below which it would stutter

/** Whether audio makes sense at a speed. @param {number} speed */
export const audible = (speed) => speed >= SLOWEST && speed <= FASTEST;

/**
 * @param {(() => Promise<string> | string)[]} addresses  Of the videos.
 */
export function sound(addresses) {
  const player = new Audio();
  player.preload = "auto";
  let video = -1;

  /** @param {number} wanted  Position of the video, -1 for none. */
  async function choose(wanted) {
    if (wanted === video) return;
    video = wanted;
    player.pause();
    if (wanted < 0) return;
    const url = await addresses[wanted]();
    if (video === wanted) player.src = url;
  }

  /** @param {{playing: boolean, at: number, speed: number, pace: number}} clock  `at` in seconds. */
  function follow({ playing, at, speed, pace }) {
    const heard = playing && video >= 0 && audible(speed) && pace >= STEADY && !document.hidden && !player.error && !(player.duration <= at);
    if (!heard) return void (player.paused || player.pause());
    const behind = at - player.currentTime;
    if (player.paused) {
      if (Math.abs(behind) > NEAR_S) player.currentTime = at;
      player.playbackRate = speed;
      player.play().catch(() => null); // the browser wants a click first
    } else if (Math.abs(behind) > FAR_S) player.currentTime = at;
    else player.playbackRate = Math.abs(behind) < NEAR_S ? speed : speed * (behind > 0 ? 1.04 : 0.96);
    return undefined;
  }

  return {
    choose,
    follow,
    end() {
      player.pause();
      player.removeAttribute("src");
      player.load();
    },
  };
}
