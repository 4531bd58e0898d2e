// The button that stops the job, where that is enabled. It asks first, and
// says what happens until the page hears that the job has ended.

import { setText } from "./dom.js";

const QUESTION = "Stop the job?\n\n"
  + "The batch that runs is finished, what the sources hold is worked off, state is written down, and the job ends. "
  + "It cannot be started again from here.";

/** Offers to stop the application at `base`; `ended` for one that has ended. */
export function offerStop(base, { stoppable, ended }) {
  const button = document.getElementById("stop");
  button.hidden = !stoppable || ended;
  if (button.hidden) return;
  button.onclick = async () => {
    if (!confirm(QUESTION)) return;
    say(button, "Stopping …", "The job stops after its batch");
    button.disabled = true;
    try {
      const answer = await fetch(`${base}/streaming/stop`, { method: "POST", headers: { "x-streamgauge-stop": "page" } });
      if (!answer.ok) throw new Error(`the job answered ${answer.status}`);
    } catch (error) {
      button.disabled = false;
      say(button, "Stop again", `It could not be stopped: ${error.message}`);
    }
  };
}

function say(button, text, title) {
  setText(button, text);
  button.title = title;
  button.setAttribute("aria-live", "polite");
}
