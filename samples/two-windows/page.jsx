// The page is what any application of ACS would be: the component, its adapter, and a token that the application's own server gave out.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { ChatComposite, createAzureCommunicationChatAdapter } from "@azure/communication-react";
import { createRoot } from "react-dom/client";

const me = await (await fetch(`/people/${location.hash.slice(1)}`)).json();
document.title = me.displayName;
const adapter = await createAzureCommunicationChatAdapter({
  endpoint: me.endpoint,
  userId: { communicationUserId: me.userId },
  displayName: me.displayName,
  credential: new AzureCommunicationTokenCredential(me.token),
  threadId: me.threadId,
});
createRoot(document.getElementById("chat")).render(<ChatComposite adapter={adapter} options={{ participantPane: false }} />);
