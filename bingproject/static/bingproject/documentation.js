/* The page's colours are the system's. */
"use strict";
{
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

/* "Execute" sends the example of /chatgpt with the values of a conversation in place of the names that stand for them:
   those of the last createConversation, or of one that is opened by that operation's own example. */
{
  const NAMES = /createConversation\.(conversationId|clientId|conversationSignature)/g;
  const OPENING = "/create_conversation";
  const ASKING = "/chatgpt";
  let opened;

  const open = async (request) => {
    const { content } = ui.specSelectors.specJson().toJS().paths[OPENING].post.requestBody;
    const [example] = Object.values(content["application/json"].examples);
    const answer = await fetch(request.url.replace(ASKING, OPENING), {
      method: "POST",
      headers: { ...request.headers, "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(example.value),
    });
    return answer.ok ? answer.json() : undefined;
  };

  /* All values are letters, digits and signs that neither JSON nor a form escapes. */
  window.fillInConversation = async (request) => {
    if (request.url?.endsWith(ASKING) && typeof request.body === "string" && request.body.match(NAMES)) {
      opened ??= await open(request);
      request.body = request.body.replace(NAMES, (placeholder, name) => opened?.[name] ?? placeholder);
    }
    return request;
  };

  window.rememberConversation = (response) => {
    if (response.ok && response.url.endsWith(OPENING)) opened = JSON.parse(response.text);
    if (response.status === 404 && response.url.endsWith(ASKING)) opened = undefined;
    return response;
  };
}
