from __future__ import annotations

import os
import signal

from ddpm.interruption import interruptible


class _Alone:
    rank, size, lost = 0, 1, ""

    def any(self, flag: bool) -> bool:
        return flag


def test_a_signal_asks_this_process_and_ends_its_children() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(_Alone()) as asked:
        child = os.fork()
        if not child:
            os._exit(0 if signal.getsignal(signal.SIGTERM) == before else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert not asked()
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked()
    assert signal.getsignal(signal.SIGTERM) == before
