// An answer to who writes while its owner is away.

import { get, put } from "../../api.js";
import { badge, section } from "../../parts/bits.js";
import { form } from "../../parts/form.js";
import { toast } from "../../parts/toast.js";
import { reload } from "../../router.js";

const NONE = { enabled: false, subject: null, text: "", days: 7, first_day: null, last_day: null };

export async function vacation({ path, signal }) {
  const now = await get(`${path}/vacation`, {}, signal).catch((error) => {
    if (error.status === 404) return NONE;
    throw error;
  });
  return section(
    "Answer while away",
    {
      text: "Whoever writes gets this answer, once in so many days. Lists and automatic mail are not answered.",
      actions: [now.enabled ? badge("ok", "On") : badge("idle", "Off")],
    },
    form({
      fields: [
        { name: "enabled", label: "Answer mail", type: "checkbox", value: now.enabled },
        {
          name: "subject",
          label: "Subject",
          value: now.subject ?? "",
          maxlength: 200,
          hint: "Empty: made of the subject of what is answered.",
        },
        { name: "text", label: "Text", type: "textarea", rows: 8, value: now.text, required: true, maxlength: 16384 },
        {
          name: "first_day",
          label: "First day",
          type: "date",
          value: now.first_day ?? "",
          hint: "Days are counted in UTC. Empty: at once.",
        },
        {
          name: "last_day",
          label: "Last day",
          type: "date",
          value: now.last_day ?? "",
          hint: "Empty: until it is switched off.",
        },
        {
          name: "days",
          label: "Answer each sender again after (days)",
          type: "number",
          min: 1,
          max: 90,
          step: 1,
          value: now.days,
          required: true,
        },
      ],
      submit: async ({ subject, first_day: first, last_day: last, ...rest }) => {
        const saved = await put(`${path}/vacation`, {
          ...rest,
          subject: subject.trim() || null,
          first_day: first || null,
          last_day: last || null,
        });
        toast(saved.enabled ? "Saved. Mail is answered." : "Saved. Mail is not answered.");
        await reload();
      },
    }),
  );
}
