"""Children of a process that has used threads: by fork, in pools, behind servers."""

import textwrap

import pytest
from processes import output


@pytest.fixture(scope="module")
def expected():
    """The digest on one thread."""
    return output("fastnet.set_num_threads(1); print(digest())")[0]


# wait() would hang with the child: it is given 20 s.
FORK = """
def fork(body):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            body()
            sys.stdout.flush()
        finally:
            os._exit(0)
    for _ in range(2000):
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return
        time.sleep(0.01)
    os.kill(pid, 9)
    sys.exit("the child hangs")
"""


def test_child_of_fork_computes_serially_and_warns_once(expected):
    code = """
    fastnet.set_num_threads(2)
    assert digest()
    def child():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(digest(), digest(), fastnet.runtime.num_threads(), len(caught))
            print(caught[0].category.__name__, caught[0].filename)
    fork(child)
    print(digest(), fastnet.runtime.num_threads())
    """
    first, second, threads, warned, category, place, parent, parent_threads = output(
        FORK + textwrap.dedent(code)
    )
    assert first == second == parent == expected
    assert (threads, parent_threads) == ("1", "2")
    assert (warned, category) == ("1", "RuntimeWarning")
    assert place == "<string>"  # the caller's file


def test_child_of_fork_does_not_warn_where_one_thread_is_all_it_may_use(expected):
    code = """
    fastnet.set_num_threads(1)
    def child():
        warnings.simplefilter("error")
        print(digest())
    fork(child)
    """
    assert output(FORK + textwrap.dedent(code)) == [expected]


def test_fork_while_another_thread_is_inside_a_kernel(expected):
    code = """
    fastnet.set_num_threads(2)
    warnings.simplefilter("ignore")
    digest()  # a child of a thread that is importing would wait for Python's lock of the import
    stop = False
    def work():
        while not stop:
            digest()
    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(20):
        fork(lambda: print(digest()))
    stop = True
    thread.join()
    """
    assert output(FORK + textwrap.dedent(code)) == [expected] * 20


def test_fork_from_another_thread_and_of_a_child(expected):
    code = """
    fastnet.set_num_threads(2)
    warnings.simplefilter("ignore")
    digest()
    def child():
        print(digest())
        fork(lambda: print(digest()))
    thread = threading.Thread(target=fork, args=(child,))
    thread.start()
    thread.join()
    """
    assert output(FORK + textwrap.dedent(code)) == [expected] * 2


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method, expected, tmp_path):
    code = f"""
    import multiprocessing
    fastnet.set_num_threads(2)
    warnings.simplefilter("ignore")
    def work(_):
        return digest()
    if __name__ == "__main__":
        digest()
        with multiprocessing.get_context("{method}").Pool(2) as pool:
            print(*pool.map(work, range(4)))
    """
    assert output(code, path=tmp_path / "script.py") == [expected] * 4


def test_process_pool_executor_and_a_subprocess_after_use(expected, tmp_path):
    code = """
    from concurrent.futures import ProcessPoolExecutor
    import subprocess
    fastnet.set_num_threads(2)
    warnings.simplefilter("ignore")
    def work(_):
        return digest()
    if __name__ == "__main__":
        digest()
        with ProcessPoolExecutor(2) as pool:
            print(*pool.map(work, range(4)))
        print(subprocess.check_output(["echo", "done"], text=True))
        print(digest())
    """
    *found, done, last = output(code, path=tmp_path / "script.py")
    assert [*found, last] == [expected] * 5
    assert done == "done"


def test_servers_that_fork_their_workers_after_loading_a_model(expected):
    # As gunicorn does with preload: the workers live side by side and are forked anew.
    code = """
    fastnet.set_num_threads(2)
    warnings.simplefilter("ignore")
    digest()
    for generation in range(2):
        workers = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                try:
                    os.write(1, f"{digest()} {digest()}\\n".encode())
                finally:
                    os._exit(0)
            workers.append(pid)
        for pid in workers:
            os.waitpid(pid, 0)
    """
    assert output(code) == [expected] * 12
