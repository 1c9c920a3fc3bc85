// For how long a thing is good: a field of a form, and the moment that is meant by it.

const DAY = 24 * 60 * 60 * 1000;

export const expiryField = {
  name: "days",
  label: "Expires",
  type: "select",
  options: [
    ["", "Never"],
    ["30", "After 30 days"],
    ["90", "After 90 days"],
    ["365", "After a year"],
  ],
};

export const expiryOf = (days) => (days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null);
