import '@picocss/pico/css/pico.min.css';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { Page } from './page.js';

const root = document.getElementById('page');
if (root) render(<Page />, root);
