"""A conversation: with every message the model reads the whole dialog anew, and its answer comes piece by piece."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import torch

from llama_lessons.dialog import encode_dialog
from llama_lessons.generate import stream
from llama_lessons.model import Llama
from llama_lessons.prompt import SPECIAL_TAGS, Dialog
from llama_lessons.tokenizer import Tokenizer


class ChatSession:
    """A dialog with a chat model, which itself remembers nothing: what was said goes into every prompt again.

    A dialog may fill half of what the model can hold, the other half is for the answer. When it has become longer, its
    oldest exchanges are left out of the prompt; the system line stays in it. An answer ends with the model's </s>, when
    there is no more room, or where the model begins a tag of the prompt's format, as if it were the user.

    The KV cache is made anew for each answer. To keep it would save reading, and not be exact: the text of an answer
    need not encode to the very ids that the model has drawn, and Llama 2 was trained on those of the text.

    Args:
        model: a chat model.
        tok: its tokenizer.
        system: tells the model how to behave; empty for none.
        temperature: see `sampling.next_token_probs`; 0 is greedy.
        top_p: see `sampling.next_token_probs`.
        seed: of the dice; None takes another each time.

    Attributes:
        ids: token ids of the last prompt, and behind them those that the model has written.
        n_read: how many of them are the prompt's.
        n_forgotten: exchanges (a message and its answer) at the beginning of the dialog that were not in that prompt.

    The arguments are attributes too; a change counts from the next message on.

    Source: defaults as in example_chat_completion.py of Meta's repository llama.
    """

    def __init__(
        self,
        model: Llama,
        tok: Tokenizer,
        system: str = "",
        temperature: float = 0.6,
        top_p: float = 0.9,
        seed: int | None = None,
    ) -> None:
        self.model, self.tok, self.system = model, tok, system
        self.temperature, self.top_p, self.seed = temperature, top_p, seed
        self._exchanges: list[Dialog] = []
        self._writing: Generator[str] | None = None
        self.reset()

    @property
    def dialog(self) -> Dialog:
        """The whole dialog: the system line, if there is one, and every message with its answer."""
        return self._messages(0)

    def reset(self) -> None:
        """Begin a new dialog, with the same settings and the dice as they were at first."""
        self._close()
        self._exchanges.clear()
        self._stopped = False
        self._dice = torch.Generator()
        if self.seed is None:
            self._dice.seed()
        else:
            self._dice.manual_seed(self.seed)
        self.ids: list[int] = []
        self.n_read = self.n_forgotten = 0

    def stop(self) -> None:
        """End the answer that is being written; what there is of it stays in the dialog."""
        self._stopped = True

    def stream(self, text: str) -> Iterator[str]:
        """Send a message, and hand out the answer while it is written.

        Message and answer enter the dialog together, when the answer has ended, was stopped, or nobody asks for more
        of it. An answer without a word is none, and where an error ends it the dialog stays as it was.

        Args:
            text: the message.

        Returns:
            Pieces of the answer's text.

        Raises:
            ValueError: the message is empty, it or the system line holds tags of the prompt's format, or both together
                take more than half of what the model can hold.
        """
        self._close()
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text must be a message, got {text!r}")
        self.ids, self.n_forgotten = self._prompt(text)
        self.n_read, self._stopped = len(self.ids), False
        self._writing = self._answer(text)
        return self._writing

    def _answer(self, text: str) -> Generator[str]:
        decoder, answer = self.tok.stream_decoder(), ""
        room = self.model.config.max_seq_len - self.n_read
        try:
            written = stream(self.model, self.ids, room, self.temperature, self.top_p, generator=self._dice)
            for token in written:
                if self._stopped:
                    break
                self.ids.append(token)
                if token == self.tok.eos_id:
                    break
                piece = decoder.feed(token)
                answer += piece
                if any(tag in answer for tag in SPECIAL_TAGS):  # the model goes on as the user
                    break
                yield piece
            rest = decoder.flush()
            answer += rest
            yield rest
        except Exception:
            answer = ""
            raise
        finally:
            for tag in SPECIAL_TAGS:
                answer = answer.partition(tag)[0]
            if answer.strip():
                message = {"role": "user", "content": text}
                self._exchanges.append([message, {"role": "assistant", "content": answer.strip()}])

    def _close(self) -> None:
        """End an answer of which nobody asks for the rest."""
        if self._writing is not None:
            self._writing.close()

    def _messages(self, first: int) -> Dialog:
        """The system line, and what was said from this exchange on."""
        system = [{"role": "system", "content": self.system}] if self.system.strip() else []
        return system + [message for exchange in self._exchanges[first:] for message in exchange]

    def _prompt(self, text: str) -> tuple[list[int], int]:
        """What the model shall read, and how many exchanges are left out of it."""
        room = self.model.config.max_seq_len // 2
        for first in range(len(self._exchanges) + 1):
            ids = encode_dialog(self.tok, [*self._messages(first), {"role": "user", "content": text}])
            if len(ids) <= room:
                return ids, first
        raise ValueError(
            f"text must be shorter: with the system line it takes {len(ids)} tokens, and a message may take {room}, "
            f"half of what this model can hold"
        )
