"""The keeper of sound files and what passes digits on, without telephones."""

import contextlib
import http.server
import io
import pathlib
import sys
import tempfile
import threading
import unittest
import unittest.mock
import urllib.error
import urllib.request

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "deploy/kamailio/media"))
import keys
import tones


class Gateway:
    """Serves `files` by (appKey, name)."""

    def __init__(self):
        self.files, self.asked = {}, 0
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                gateway.asked += 1
                content = gateway.files.get(tuple(self.path.split("/")[-2:]))
                authorized = self.headers["Authorization"] == "Bearer secret-token"
                self.send_response(401 if not authorized else 404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class TonesAreKept(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("cache", "own"):
            (self.folder / name).mkdir()
        (self.folder / "token").write_text("secret-token\n")
        self.tones = tones.Tones(self.folder / "cache", self.folder / "own",
                                 f"http://127.0.0.1:{self.gateway.server.server_port}", self.folder / "token")
        self.listening = tones.server(("127.0.0.1", 0), self.tones)
        threading.Thread(target=self.listening.serve_forever, args=[0.01], daemon=True).start()
        self.addCleanup(self.listening.server_close)
        self.addCleanup(self.listening.shutdown)
        self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def tearDown(self):
        self.gateway.stop()

    def ask(self, path):
        """The content of the file that the answer names, or its status."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.listening.server_port}{path}") as answer:
                return pathlib.Path(answer.read().decode()).read_bytes()
        except urllib.error.HTTPError as error:
            return error.code

    def later(self):
        """What the gateway said is out of date now."""
        self.tones.asked = {key: at - tones.FRESH_SECONDS for key, at in self.tones.asked.items()}

    def test_a_file_is_fetched_once_and_again_when_it_is_old(self):
        self.gateway.files["app1", "a.wav"] = b"one"
        self.assertEqual([self.ask("/app1/a.wav"), self.ask("/app1/a.wav"), self.gateway.asked], [b"one", b"one", 1])
        self.gateway.files["app1", "a.wav"] = b"two"
        self.later()
        self.assertEqual(self.ask("/app1/a.wav"), b"two")

    def test_a_copy_is_used_on_while_the_gateway_is_away(self):
        self.gateway.files["app1", "a.wav"] = b"one"
        self.ask("/app1/a.wav")
        self.later()
        with unittest.mock.patch.object(tones.Tones, "ask", side_effect=ConnectionRefusedError):
            self.assertEqual(self.ask("/app1/a.wav"), b"one")

    def test_a_file_that_the_gateway_has_no_more_is_not_played(self):
        self.gateway.files["app1", "a.wav"] = b"one"
        self.ask("/app1/a.wav")
        self.gateway.files.clear()
        self.later()
        self.assertEqual(self.ask("/app1/a.wav"), 404)

    def test_the_switch_has_files_of_its_own(self):
        (self.folder / "own/a.wav").write_bytes(b"own")
        self.assertEqual((self.ask("/app1/a.wav"), self.ask("/a.wav"), self.ask("/b.wav")), (b"own", b"own", 404))

    def test_apps_do_not_get_each_others_files(self):
        self.gateway.files["app1", "a.wav"] = b"one"
        self.ask("/app1/a.wav")
        self.assertEqual(self.ask("/app2/a.wav"), 404)

    def test_a_file_above_the_limit_is_not_kept(self):
        self.gateway.files["app1", "a.wav"] = bytes(tones.BYTES_MAX + 1)
        self.assertEqual(self.ask("/app1/a.wav"), 404)

    def test_the_number_of_copies_is_bounded(self):
        with unittest.mock.patch.object(tones, "FILES_MAX", 3):
            for n in range(10):
                self.gateway.files["app1", f"{n}.wav"] = b"one"
                self.assertEqual(self.ask(f"/app1/{n}.wav"), b"one")
        self.assertLessEqual(len(list((self.folder / "cache").iterdir())), 3)

    def test_nothing_outside_the_folders_can_be_named(self):
        (self.folder / "cache/.secret").write_bytes(b"x")
        for path in ("/../token", "/%2e%2e/token", "/app1/..%2f..%2ftoken", "/app1/.secret", "/.", "/..", "/", "/a/b/c"):
            self.assertEqual(self.ask(path), 404, path)


class KeysAreReadFromDatagrams(unittest.TestCase):
    CALL = "0f8b7a6c-0000-4000-8000-000000000001"

    def test_a_key_of_a_caller_who_is_asked_is_passed_on(self):
        for code in range(12):
            told = b'{"callid":"%s-early","source_tag":"t","event":%d,"duration":100}' % (self.CALL.encode(), code)
            self.assertEqual(keys.key(told), (self.CALL, code))

    def test_everything_else_is_passed_over(self):
        for told in (b"", b"{", b"[]", b"null", b"\xff", b'{"callid":1,"event":1}', b'{"event":1}', b"[" * 4000,
                     b'{"callid":"%s","event":1}' % self.CALL.encode(),
                     b'{"callid":"../x-early","event":1}', b'{"callid":"ab-early\\n","event":1}',
                     *(b'{"callid":"ab-early","event":%s}' % code for code in (b"12", b"-1", b'"1"', b"1.0", b"true", b"{}"))):
            self.assertIsNone(keys.key(told), told)


if __name__ == "__main__":
    unittest.main()
