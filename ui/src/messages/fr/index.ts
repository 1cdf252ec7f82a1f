import common from "./common.json";
import shell from "./shell.json";
import library from "./library.json";
import upload from "./upload.json";
import queue from "./queue.json";
import search from "./search.json";
import recording from "./recording.json";
import transcript from "./transcript.json";
import side from "./side.json";
import share from "./share.json";
import admin from "./admin.json";
import account from "./account.json";
import signin from "./signin.json";
import help from "./help.json";

export default { common, shell, library, upload, queue, search, recording, transcript, side, share, admin, account, signin, help };
