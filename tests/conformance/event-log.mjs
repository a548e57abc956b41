// Events of one session in memory, so that a client that reconnects with `Last-Event-ID` gets what
// it missed. Old events go first: a session never holds more than LIMIT.

const LIMIT = 1000;

export class EventLog {
    #events = [];
    #next = 1;

    async storeEvent(streamId, message) {
        const id = `${streamId}_${this.#next++}`;
        this.#events.push({ id, streamId, message });
        if (this.#events.length > LIMIT) this.#events.shift();
        return id;
    }

    async getStreamIdForEventId(eventId) {
        return this.#events.find(event => event.id === eventId)?.streamId;
    }

    async replayEventsAfter(lastEventId, { send }) {
        const seen = this.#events.findIndex(event => event.id === lastEventId);
        if (seen < 0) throw new Error(`no event ${lastEventId} in this session`);
        const { streamId } = this.#events[seen];
        for (const event of this.#events.slice(seen + 1)) {
            if (event.streamId === streamId) await send(event.id, event.message);
        }
        return streamId;
    }
}
